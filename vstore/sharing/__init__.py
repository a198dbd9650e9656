"""One transaction, many processes: forks, and stores of a transaction that are lent to workers.

Both end in one commit. Below: `hierarchy` and `writing`.
"""
