"""How properties are checked: without a time limit for one example, which a busy machine would break."""

from hypothesis import settings

settings.register_profile("tallygate", deadline=None)
settings.load_profile("tallygate")
