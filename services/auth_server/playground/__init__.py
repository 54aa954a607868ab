"""The playground: the tools that an agent of a person gets, and single calls with their traces."""
