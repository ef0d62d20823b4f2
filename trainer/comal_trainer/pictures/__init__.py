"""Pictures to learn from: folders of JPEG named after their label, and what a network sees."""
