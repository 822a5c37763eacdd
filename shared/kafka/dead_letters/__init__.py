"""What cannot be read: where it goes, how it is looked at, and how it is published again."""
