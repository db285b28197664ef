"""The believable demo agency: invented people, clients, sources and findings, in Chinese and English."""
