"""What the image is made of: its packages as a bill of materials, and whether advisories are known of them."""
