"""What ``mailweir repair`` does, step by step; the command itself is ``services.cli.repair``."""
