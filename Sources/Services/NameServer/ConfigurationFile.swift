import Glibc
package import RemotingProtocol

/// Reads a file of settings.
package enum ConfigurationFile {
    /// No file of settings is larger.
    private static let bytesMax = 1 << 20

    package static func read(_ path: String) throws(NameServerError) -> PropertiesText {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw Self.problem(with: path) }
        defer { close(file) }

        var bytes = [UInt8](repeating: 0, count: Self.bytesMax)
        var count = 0
        while count < bytes.count {
            let room = bytes.count - count
            let added = bytes.withUnsafeMutableBytes { bytes in
                Glibc.read(file, bytes.baseAddress?.advanced(by: count), room)
            }
            guard added >= 0 else { throw Self.problem(with: path) }
            if added == 0 { return PropertiesText(parsing: Array(bytes[..<count])) }
            count += added
        }
        throw .badConfiguration("\(path) has more than \(Self.bytesMax) bytes")
    }

    private static func problem(with path: String) -> NameServerError {
        .badConfiguration("cannot read \(path): \(String(cString: strerror(errno)))")
    }
}
