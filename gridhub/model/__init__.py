"""The network as data: schema, tables, files, validation, topology."""
