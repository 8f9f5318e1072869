#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The system's zlib, found when it is first needed.
///
/// Three of its functions do all that is wanted here, and none of them writes beyond the count that
/// it is told: there is no structure whose layout two languages would have to agree on.
struct Zlib: Sendable {
    private typealias Compress =
        @convention(c) (
            UnsafeMutablePointer<UInt8>?, UnsafeMutablePointer<UInt>, UnsafePointer<UInt8>?, UInt,
            Int32
        ) -> Int32
    private typealias Uncompress =
        @convention(c) (
            UnsafeMutablePointer<UInt8>?, UnsafeMutablePointer<UInt>, UnsafePointer<UInt8>?, UInt
        ) -> Int32
    private typealias Bound = @convention(c) (UInt) -> UInt

    static let names = ["libz.so.1", "libz.1.dylib"]
    /// Nil on a machine that has none.
    static let system = Zlib(names: Self.names)

    private let compress: Compress
    private let uncompress: Uncompress
    private let bound: Bound

    init?(names: [String]) {
        guard let library = names.lazy.compactMap({ dlopen($0, RTLD_NOW | RTLD_LOCAL) }).first,
            let compress = dlsym(library, "compress2"),
            let uncompress = dlsym(library, "uncompress"),
            let bound = dlsym(library, "compressBound")
        else { return nil }
        // Symbols are addresses of C functions, with the types that zlib's stable interface declares.
        self.compress = unsafeBitCast(compress, to: Compress.self)
        self.uncompress = unsafeBitCast(uncompress, to: Uncompress.self)
        self.bound = unsafeBitCast(bound, to: Bound.self)
    }
}

extension Zlib {
    enum Outcome: Hashable {
        case done
        /// There was not enough room for what comes out.
        case needsRoom
        case failed(code: Int32)

        fileprivate init(_ code: Int32) {
            switch code {
            case 0: self = .done
            case -5: self = .needsRoom
            default: self = .failed(code: code)
            }
        }
    }

    /// Nil if it cannot be compressed: no memory, or no such level.
    func compressed(_ bytes: [UInt8], level: Int32) -> [UInt8]? {
        let room = Int(self.bound(UInt(bytes.count)))
        let (outcome, compressed) = Self.written(room: room) { target, count in
            self.compress(target, count, bytes, UInt(bytes.count), level)
        }
        return outcome == .done ? compressed : nil
    }

    /// What comes out, if it fits into `room`.
    func inflated(_ bytes: [UInt8], room: Int) -> (Outcome, [UInt8]) {
        Self.written(room: room) { target, count in
            self.uncompress(target, count, bytes, UInt(bytes.count))
        }
    }

    private static func written(
        room: Int, _ body: (UnsafeMutablePointer<UInt8>?, UnsafeMutablePointer<UInt>) -> Int32
    ) -> (Outcome, [UInt8]) {
        var outcome = Outcome.needsRoom
        let bytes = [UInt8](unsafeUninitializedCapacity: room) { target, initialized in
            var count = UInt(room)
            outcome = Outcome(body(target.baseAddress, &count))
            initialized = outcome == .done ? min(Int(clamping: count), room) : 0
        }
        return (outcome, bytes)
    }
}
