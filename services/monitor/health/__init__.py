"""How models were, for people to read; which of them their owners watch; and the probes that these asked for."""
