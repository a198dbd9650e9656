"""The repository: opening, branches, publishing and rewriting; what is behind its verbs.

What a commit holds is read in `reading` and written in `writing`; here is what moves refs.
"""
