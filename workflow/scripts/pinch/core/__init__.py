"""What every part needs: errors, files and whose they are, options, records, commands."""
