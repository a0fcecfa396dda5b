"""What stays: results and uploads on disk, as pages, as text, and who may have them."""
