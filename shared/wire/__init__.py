"""The wire formats that endpoints speak: one file each, with all that is particular to it. Bodies in, bodies out."""
