/// A filter on message properties.
package struct FilterExpression: Sendable {}
