package import MessageFormat

/// Why a compressed body cannot be read.
package enum CompressionError: Error, Hashable, Sendable {
    /// Made by a method that this library does not have.
    case unsupported(CompressionType)
    /// This machine has no zlib.
    case noLibrary
    case damaged
    /// A few bytes can stand for any number of them.
    case tooLarge(bytesMax: Int)
}

extension CompressionError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .unsupported(let type): "it is compressed with \(type.name); only zlib can be read"
        case .noLibrary: "it is compressed, and this machine has no zlib (\(Zlib.names[0]))"
        case .damaged: "it is marked as compressed with zlib, and is not"
        case .tooLarge(let bytesMax): "it stands for more than the \(bytesMax) bytes allowed"
        }
    }
}

/// Makes bodies smaller, and brings them back.
package enum BodyCompression {
    /// No honest message is larger: brokers take 4 MiB, as a rule.
    package static let inflatedBytesMax = 64 << 20

    /// Whether bodies can be compressed on this machine, and compressed ones be read.
    package static var isAvailable: Bool { Zlib.system != nil }

    /// Nil if that makes it no smaller, or this machine cannot.
    ///
    /// - Parameter level: 1 (fast) to 9 (small).
    package static func compressed(_ body: [UInt8], level: Int) -> [UInt8]? {
        let level = Int32(min(max(level, 1), 9))
        guard let compressed = Zlib.system?.compressed(body, level: level),
            compressed.count < body.count
        else { return nil }
        return compressed
    }

    /// The body as its user wrote it: itself, if the flag does not say that it is compressed.
    package static func inflated(
        _ body: [UInt8], _ flag: SystemFlag, bytesMax: Int = Self.inflatedBytesMax
    ) throws(CompressionError) -> [UInt8] {
        guard flag.contains(.compressed) else { return body }
        let type = CompressionType(flag)
        guard type == .zlib else { throw .unsupported(type) }
        guard let zlib = Zlib.system else { throw .noLibrary }
        return try Self.inflated(body, by: zlib, bytesMax: bytesMax)
    }

    /// Nobody says how much comes out, so room is made in steps.
    private static func inflated(
        _ body: [UInt8], by zlib: Zlib, bytesMax: Int
    ) throws(CompressionError) -> [UInt8] {
        var room = min(max(body.count * 4, 16 << 10), bytesMax)
        while true {
            switch zlib.inflated(body, room: room) {
            case (.done, let inflated): return inflated
            case (.needsRoom, _):
                guard room < bytesMax else { throw .tooLarge(bytesMax: bytesMax) }
                room = min(room * 4, bytesMax)
            case (.failed, _): throw .damaged
            }
        }
    }
}

extension CompressionType {
    fileprivate var name: String {
        switch self {
        case .lz4: "LZ4"
        case .zstd: "Zstandard"
        case .zlib: "zlib"
        }
    }
}

extension SystemFlag {
    /// Of a body that `BodyCompression` made: compressed, and by zlib.
    package static let compressedByZlib = Self(
        rawValue: Self.compressed.rawValue | CompressionType.zlib.rawValue << 8)
}
