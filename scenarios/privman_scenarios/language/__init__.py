"""The scenario file: its words, its checks, its schema; nothing here speaks HTTP."""
