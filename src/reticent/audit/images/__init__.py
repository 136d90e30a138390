"""Audits of models that take pictures: whose face does the model give away?"""
