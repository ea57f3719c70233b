module kt/tests/cluster/resolve

go 1.24
