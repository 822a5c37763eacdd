"""What Tallygate costs, measured beside a direct call and a plain pass-through proxy in one run (`make bench`)."""
