"""Reports: learning curves and self-contained HTML pages."""
