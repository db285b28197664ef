"""Search: one question over everything that a person may see, in Chinese and English."""
