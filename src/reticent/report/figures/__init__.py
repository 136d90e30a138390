"""Drawings in SVG, by small functions of our own.

Colours come from the page's CSS variables, so that a figure follows light, dark and print. Every
series has a colour (after Okabe and Ito), a dash pattern and a marker, so colour never carries
meaning alone; every figure has a title, a description and a table with the same numbers.
"""
