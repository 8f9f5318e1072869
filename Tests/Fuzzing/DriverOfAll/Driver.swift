import HostileBytes
import HostileInput

// libFuzzer's own `main` calls these two.

private let driver = FuzzDriver(FuzzTarget.all)

@_cdecl("LLVMFuzzerInitialize")
public func initialize(
    _ count: UnsafeMutablePointer<CInt>?, _ arguments: UnsafeMutableRawPointer?
) -> CInt {
    driver.begin()
    return 0
}

@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    driver.run(start, count)
    return 0
}
