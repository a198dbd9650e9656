"""One page of HTML that shows a repository in a bucket, without a server."""
