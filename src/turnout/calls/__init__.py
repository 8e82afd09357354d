"""One retry policy for every wire: the SDKs' and the frameworks' own retries are all off.

A call is repeated where that is safe: it failed before any of its answer was passed on, and its error says that the
same request may succeed later. The wait is what the service asked for, or exponential with jitter. A deadline holds for
the whole call, its waiting included.
"""
