/// A header field that a request needs is missing or does not say what it should.
///
/// Answered with `SYSTEM_ERROR`, the description as its remark.
package struct HeaderFieldError: Error, Hashable {
    package var field: String
    package var problem: String

    package init(field: String, problem: String) {
        self.field = field
        self.problem = problem
    }
}

extension HeaderFieldError: CustomStringConvertible {
    package var description: String { "the header field \(self.field) \(self.problem)" }
}
