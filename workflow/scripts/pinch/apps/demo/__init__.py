"""The demo page: detectors at work on images, videos and the webcam, two beside each other if wanted.

`run` and `samples` say what there is to see, `models` opens what is chosen, `looking` runs it on a picture, `words`
writes what is said below, and `page` puts all into a page.
"""

import os

# Without it, Gradio tells its makers that it is used. Set before any module of this package imports Gradio.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
