/// Why the body of a command cannot be used.
package enum BodyError: Error, Hashable {
    case malformed(at: Int, problem: String)
    case missing(field: String)
    case wrongType(field: String, expected: String)
}

extension BodyError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .malformed(let at, let problem): "the body is malformed at byte \(at): \(problem)"
        case .missing(let field): "the body lacks \(field)"
        case .wrongType(let field, let expected): "\(field) in the body is not \(expected)"
        }
    }
}
