import Testing

@testable import ApusClient

@Suite("Places of those who handle popped messages")
struct WorkPlacesTests {
    @Test("as many messages are asked for as handlers have ended meanwhile")
    func all() async {
        let places = WorkPlaces(4)
        #expect(await places.free() == 4)
        places.take(4)
        for _ in 0..<3 { places.leave() }
        #expect(await places.free() == 3)
    }

    @Test("who asks while all are taken waits until somebody leaves")
    func waits() async {
        let places = WorkPlaces(1)
        places.take(1)
        async let free = places.free()
        places.leave()
        #expect(await free == 1)
    }
}
