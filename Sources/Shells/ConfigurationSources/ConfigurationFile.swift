package import ConfigurationFormat
import Glibc

/// Reads a configuration file.
package enum ConfigurationFile {
    /// No configuration file is larger.
    private static let bytesMax = 1 << 20

    package static func read(_ path: String) throws(ConfigurationProblem) -> PropertiesFile {
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
            if added == 0 { return try PropertiesFile(parsing: Array(bytes[..<count]), name: path) }
            count += added
        }
        throw ConfigurationProblem(at: path, "the file has more than \(Self.bytesMax) bytes")
    }

    private static func problem(with path: String) -> ConfigurationProblem {
        ConfigurationProblem(at: path, "cannot be read: \(String(cString: strerror(errno)))")
    }
}
