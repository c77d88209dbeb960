"""What a test holds on either side: clock, ids, journal, faults and the control plane.

It knows no message of either product, so that sharing it cannot make the two sides agree with each other.
"""
