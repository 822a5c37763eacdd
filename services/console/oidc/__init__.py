"""Sign-in by an identity provider (OpenID Connect): what is asked of it, what it answers, and which role that gives."""
