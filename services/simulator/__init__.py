"""Diners who do not exist, and logs of those who did: everything through the public HTTP API.

The simulator knows what any client knows: two URLs. What diners of the city want is known here
only to let them act and to price what they were shown; the services never see it.
"""
