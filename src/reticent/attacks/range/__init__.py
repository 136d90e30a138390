"""Is somebody like this in there?"""
