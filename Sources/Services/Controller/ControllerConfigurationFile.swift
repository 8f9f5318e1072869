import Glibc

/// Reads a file of settings.
package enum ControllerConfigurationFile {
    /// No file of settings is larger.
    private static let bytesMax = 1 << 20

    package static func read(_ path: String) throws(ControllerConfigurationError) -> String {
        guard let file = fopen(path, "r") else { throw Self.problem(with: path) }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: Self.bytesMax + 1)
        let count = fread(&bytes, 1, bytes.count, file)
        guard ferror(file) == 0 else { throw Self.problem(with: path) }
        guard count <= Self.bytesMax else {
            throw ControllerConfigurationError("\(path) has more than \(Self.bytesMax) bytes")
        }
        return String(decoding: bytes[..<count], as: UTF8.self)
    }

    private static func problem(with path: String) -> ControllerConfigurationError {
        ControllerConfigurationError("cannot read \(path): \(String(cString: strerror(errno)))")
    }
}
