import Glibc

/// A file of a store, looked at and damaged from outside while nobody has it open.
struct StoreFile: Sendable {
    let path: String

    var bytes: Int {
        var status = stat()
        return stat(self.path, &status) == 0 ? Int(status.st_size) : 0
    }

    /// Behind the last byte that is not zero: prepared space is all zeroes.
    func contentEnd() throws -> Int {
        let block = 64 << 10
        var buffer = [UInt8](repeating: 0, count: block)
        var at = (self.bytes + block - 1) / block * block
        return try self.open(O_RDONLY) { file in
            while at > 0 {
                at -= block
                let count = pread(file, &buffer, block, off_t(at))
                if let last = buffer[..<max(0, count)].lastIndex(where: { $0 != 0 }) {
                    return at + last + 1
                }
            }
            return 0
        }
    }

    /// Where the batches begin, as far as their headers lead.
    func batches() throws -> [Int] {
        var starts: [Int] = []
        var at = 0
        var header = [UInt8](repeating: 0, count: 12)
        try self.open(O_RDONLY) { file in
            while pread(file, &header, header.count, off_t(at)) == header.count,
                header.starts(with: "APB1".utf8)
            {
                starts.append(at)
                let length = header[8...].reduce(0) { $0 << 8 | Int($1) }
                at += (length + 15) / 16 * 16
            }
        }
        return starts
    }

    func flip(at offset: Int, mask: UInt8 = 0x10) throws {
        try self.open(O_RDWR) { file in
            var byte: UInt8 = 0
            guard pread(file, &byte, 1, off_t(offset)) == 1 else { return }
            byte ^= mask
            guard pwrite(file, &byte, 1, off_t(offset)) == 1 else { throw self.problem("write") }
        }
    }

    func overwrite(_ range: Range<Int>, with byte: UInt8) throws {
        let bytes = [UInt8](repeating: byte, count: range.count)
        try self.open(O_RDWR) { file in
            guard pwrite(file, bytes, bytes.count, off_t(range.lowerBound)) == bytes.count else {
                throw self.problem("write")
            }
        }
    }

    /// Copies bytes to where others belong, as a disk does that writes to the wrong place.
    func copy(_ range: Range<Int>, to offset: Int) throws {
        var bytes = [UInt8](repeating: 0, count: range.count)
        try self.open(O_RDWR) { file in
            let count = pread(file, &bytes, bytes.count, off_t(range.lowerBound))
            guard count >= 0, pwrite(file, bytes, count, off_t(offset)) == count else {
                throw self.problem("write")
            }
        }
    }

    func truncate(to count: Int) throws {
        guard Glibc.truncate(self.path, off_t(count)) == 0 else { throw self.problem("truncate") }
    }

    func delete() throws {
        guard unlink(self.path) == 0 else { throw self.problem("delete") }
    }

    /// Leaves what a crash leaves of a write that never came to its end.
    func tearTail() throws {
        let end = (try self.contentEnd() + 15) / 16 * 16
        try self.overwrite(end..<(end + 4), with: 0x41)
        try self.overwrite((end + 40)..<(end + 400), with: 0xaa)
    }

    private func open<Result>(_ flags: Int32, _ body: (Int32) throws -> Result) throws -> Result {
        let file = Glibc.open(self.path, flags | O_CLOEXEC)
        guard file >= 0 else { throw self.problem("open") }
        defer { close(file) }
        let result = try body(file)
        // A power cut that follows must not take the damage back.
        guard flags == O_RDONLY || fsync(file) == 0 else { throw self.problem("flush") }
        return result
    }

    private func problem(_ verb: String) -> LabError {
        .failed("cannot \(verb) \(self.path): \(String(cString: strerror(errno)))")
    }
}
