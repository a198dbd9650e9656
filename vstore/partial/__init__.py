"""What a repository does that holds only a part of its data: fetch it, drop it, say where it is.

Reading what is missing is the business of `reading`, verifying and collecting that of
`maintenance`, which this room is above.
"""
