"""Events, told to addresses that people register: webhooks.

Services of the domains announce what happened inside of their own transaction; what is announced is
stored with it and sent afterwards, again and again until the receiver takes it. Which events there
are is registered by the domains: nothing here knows one.
"""
