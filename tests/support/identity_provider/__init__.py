"""An identity provider in a process of its own: Django with django-oauth-toolkit, which shares no code with ours."""
