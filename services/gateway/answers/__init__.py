"""What routes answer, as types, a module for each surface: the OpenAPI document is made from them."""
