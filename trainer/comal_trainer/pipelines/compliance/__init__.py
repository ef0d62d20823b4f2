"""The sample `compliance`: is a car component, by its description, in compliance or not?"""
