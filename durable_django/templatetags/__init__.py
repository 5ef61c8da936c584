"""Template tags for the admin and for pages of your own."""
