"""What is the hidden value of this person's record?"""
