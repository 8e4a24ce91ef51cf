"""What every part needs: errors, files and their ownership, options, records, commands."""
