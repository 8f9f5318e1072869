/// Why bytes are not a frame. The connection that sent them is closed without an answer.
package enum FrameError: Error, Hashable {
    case wrongLength(Int)
    case tooLong(bytes: Int, bytesMax: Int)
    /// The header does not fit into its frame.
    case wrongHeaderLength(bytes: Int, frameBytes: Int)
    case unknownSerialization(UInt8)
    case malformedHeader(at: Int, problem: String)
    case tooManyFields(limit: Int)
}

extension FrameError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .wrongLength(let bytes): "a frame cannot have a length of \(bytes)"
        case .tooLong(let bytes, let bytesMax):
            "a frame of \(bytes) bytes, at most \(bytesMax) are allowed"
        case .wrongHeaderLength(let bytes, let frameBytes):
            "a header of \(bytes) bytes does not fit into a frame of \(frameBytes)"
        case .unknownSerialization(let byte): "unknown header serialization \(byte)"
        case .malformedHeader(let at, let problem): "malformed header at byte \(at): \(problem)"
        case .tooManyFields(let limit): "a header has more than \(limit) fields"
        }
    }
}
