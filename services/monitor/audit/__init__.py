"""`tallygate audit`: what is on the topics compared with what is booked."""
