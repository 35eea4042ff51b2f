"""What a designer decides with: the bill, the targets, thousands of designs in one table, the kata."""
