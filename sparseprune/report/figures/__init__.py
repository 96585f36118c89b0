"""Figures, drawn by matplotlib, as inline SVG; one module a figure."""
