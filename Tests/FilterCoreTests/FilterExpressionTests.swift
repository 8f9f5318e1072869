import FilterCore
import Testing

@Suite("SQL92 filters")
struct FilterExpressionTests {}
