"""One script per published figure or table; compute and draw kept apart.

``python -m analyses --list`` says what there is. A script that defines ``ENTRY`` is listed and run.
"""
