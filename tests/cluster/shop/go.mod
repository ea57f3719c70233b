module kt/tests/cluster/shop

go 1.24
