extension StateWriter {
    /// Seven bits a byte, lowest first; the top bit says that more follow.
    mutating func put(compact value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            self.put(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        self.put(UInt8(rest))
    }

    /// How far `value` lies from `earlier`, either way: neighbours take little room.
    mutating func put(compact value: Int64, after earlier: Int64) {
        let step = value &- earlier
        self.put(compact: UInt64(bitPattern: (step << 1) ^ (step >> 63)))
    }
}

extension StateReader {
    mutating func compact(_ field: String) throws(StateRecordError) -> UInt64 {
        var value: UInt64 = 0
        for shift in stride(from: UInt64(0), through: 63, by: 7) {
            let byte = try self.integer(UInt8.self)
            guard shift < 63 || byte <= 1 else { break }
            value |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { return value }
        }
        throw .illegalValue(field: field)
    }

    mutating func compact(
        _ field: String, upTo limit: Int
    ) throws(StateRecordError) -> Int {
        guard let value = Int(exactly: try self.compact(field)), value <= limit else {
            throw .illegalValue(field: field)
        }
        return value
    }

    mutating func compact(_ field: String, after earlier: Int64) throws(StateRecordError) -> Int64 {
        let folded = try self.compact(field)
        return earlier &+ (Int64(bitPattern: folded >> 1) ^ -Int64(bitPattern: folded & 1))
    }

    /// The same for a position or an offset, which nothing puts before zero.
    mutating func place(_ field: String, after earlier: Int64) throws(StateRecordError) -> Int64 {
        let place = try self.compact(field, after: earlier)
        guard place >= 0 else { throw .illegalValue(field: field) }
        return place
    }
}
