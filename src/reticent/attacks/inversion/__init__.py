"""Which records were in the training set?"""
